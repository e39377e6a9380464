"""Tables that ship with the package; read one with `forecast.model.catalogue.builtin_table`."""
