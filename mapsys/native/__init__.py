"""The native engine: one extension, optional; ``mapsys.engine_choice`` says whether it is used."""
