"""States of the widgets that tests draw."""

from support.states import attention, erasing, gait, timeline

__all__ = ["attention", "erasing", "gait", "timeline"]
