from duiqi.core.part import metric
from duiqi.core.rates import mean, noted


@metric(better="lower", notes=("seconds",), low=0.0, about="rows")
def latency(notes):
    """Seconds until a row is answered, asked alone, on this machine: from 0, lower is better.

    The mean over rows. Noted by the probe cost.
    """
    return noted(notes)


latency.finish(mean)
