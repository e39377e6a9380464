"""Tables that ship with the package; read one with `forecast.catalogue.builtin_table`."""
