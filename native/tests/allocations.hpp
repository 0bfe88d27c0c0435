// Counts what the program allocates with `new`.
#pragma once

// Calls of `operator new` so far.
long allocations();
