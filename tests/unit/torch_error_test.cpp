// SPDX-License-Identifier: Apache-2.0
// What the backend torch makes of libtorch's messages. They are those of libtorch 1.13, 2.6 and 2.11.
#include <gtest/gtest.h>

#include "error_text.hpp"

namespace inferbench::torch_backend {
namespace {

TEST(TorchErrors, OfAFullDeviceSayHowMuchWasWantedAndIsFree) {
  const ErrorText recent = read_error(
      "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 139.81 GiB of which 3.02 GiB is "
      "free. Including non-PyTorch memory, this process has 1.00 GiB memory in use. Of the allocated memory 5 MiB ...");
  EXPECT_EQ(recent.status, IB_OUT_OF_MEMORY);
  EXPECT_EQ(recent.message,
            "out of device memory: CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of "
            "139.81 GiB of which 3.02 GiB is free.");
  const ErrorText old = read_error(
      "CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 14.76 GiB total capacity; 9.10 GiB already allocated; "
      "1.20 GiB free; 9.30 GiB reserved in total by PyTorch) If reserved memory is >> allocated memory try setting "
      "...");
  EXPECT_EQ(old.status, IB_OUT_OF_MEMORY);
  EXPECT_EQ(old.message,
            "out of device memory: CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 14.76 GiB total capacity; "
            "9.10 GiB already allocated; 1.20 GiB free; 9.30 GiB reserved in total by PyTorch)");
  EXPECT_EQ(read_error("CUDA error: out of memory\nCUDA kernel errors might be ...").message,
            "out of device memory: CUDA error: out of memory");
}

TEST(TorchErrors, HaveTheStatusesOfTheAbi) {
  EXPECT_EQ(read_error("[enforce fail at alloc_cpu.cpp:75] err == 0. DefaultCPUAllocator: can't allocate memory: you "
                       "tried to allocate 80000000000000 bytes. Error code 12 (Cannot allocate memory)")
                .status,
            IB_OUT_OF_MEMORY);
  const ErrorText lost = read_error("CUDA error: an illegal memory access was encountered\nCUDA kernel errors ...");
  EXPECT_EQ(lost.status, IB_DEVICE_LOST);
  EXPECT_EQ(lost.message, "libtorch: CUDA error: an illegal memory access was encountered");
  EXPECT_EQ(read_error("CUDA error: no kernel image is available for execution on the device").status, IB_UNSUPPORTED);
  EXPECT_EQ(read_error("mat1 and mat2 shapes cannot be multiplied (1x2 and 3x4)").status, IB_INTERNAL);
  EXPECT_EQ(read_error("an illegal memory access in a text of ours").status, IB_INTERNAL);
}

}  // namespace
}  // namespace inferbench::torch_backend
