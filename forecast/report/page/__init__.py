"""Pages as records, and how they become one HTML file: words explained, symbols set, papers to cite.

What a page says is written elsewhere; nothing here knows of a command.
"""
