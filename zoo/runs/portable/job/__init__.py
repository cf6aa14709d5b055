"""What runs a packed training, with JAX and NumPy alone.

`zoo pack` lays these files into the job, as a package `zoo_job`; nothing here may import the rest of the zoo.
"""
