// The device's assert is defined already (qualifiers.h), and the C library's must not take its place.
#pragma once
