"""The checks of the labs, one module each: what is asked, with which inputs, against which reference."""
