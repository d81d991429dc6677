"""The explorers as one page that needs neither a kernel nor a server."""

from anytime.explore.page.building import page, write
