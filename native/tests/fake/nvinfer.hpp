// What tests ask the fake TensorRT.
#pragma once

// Calls of enqueueV3, and runs of the network, whoever started them.
long fake_enqueued();
long fake_ran();
