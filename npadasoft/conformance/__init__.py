"""How a port of the layer is judged, in any language: golden vectors, and their judge."""
