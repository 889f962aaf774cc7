"""The layer as a page that moves: `npadasoft explore`."""
