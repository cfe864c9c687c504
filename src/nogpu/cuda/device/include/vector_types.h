// CUDA code includes this; all that a kernel needs of it is known without an #include.
#pragma once
