"""The engine: opens, runs, trains and saves models. The only library folder that needs torch."""
