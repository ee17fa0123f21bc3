"""From a notebook to `model/`: what is fitted last, with all that is done to the rows before it. The notebook is read, never run."""
