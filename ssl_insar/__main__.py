"""``python -m ssl_insar``: the same as ``ssl-insar``."""

from ssl_insar.cli import main

if __name__ == "__main__":
    main()
