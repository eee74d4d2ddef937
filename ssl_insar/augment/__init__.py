"""Views that obey radar physics: batched torch modules that run on the training device."""

from ssl_insar.augment.config import ViewsConfig
from ssl_insar.augment.view import View
from ssl_insar.augment.views import Extras, Views

__all__ = ["Extras", "View", "Views", "ViewsConfig"]
