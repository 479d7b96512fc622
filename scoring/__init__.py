"""From margins to judgements: metrics, intervals and the collapse analysis. Importing this imports no torch."""
