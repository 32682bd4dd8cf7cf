package dev.regroup.runtime.cuda;

import dev.regroup.runtime.DeviceException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.JCudaDriver;

/// An NVIDIA GPU of this machine.
///
/// @param ordinal as in `cuda:0`
/// @param name such as `NVIDIA H200`
/// @param computeCapability ten times major plus minor: 90 for Hopper
/// @param memoryBytes of the device, in use or not
/// @param multiprocessors its number of streaming multiprocessors
/// @param l2Bytes of its second-level cache
/// @param sharedBytesPerBlock shared memory a block can have when it asks for it
/// @param driver the CUDA version its driver speaks, as in `13.0`
public record CudaDevice(
    int ordinal,
    String name,
    int computeCapability,
    long memoryBytes,
    int multiprocessors,
    int l2Bytes,
    int sharedBytesPerBlock,
    String driver) {
  /// The oldest chips our kernels run on: Ampere, for BF16 matrix units and asynchronous copies.
  public static final int OLDEST_CAPABILITY = 80;

  /// All of them, usable or not.
  ///
  /// @throws DeviceException where there is no driver or GPU, or the driver is too old
  public static List<CudaDevice> all() {
    String driver = Driver.text(Driver.version());
    int[] count = new int[1];
    Driver.check(JCudaDriver.cuDeviceGetCount(count), "cuDeviceGetCount");
    List<CudaDevice> devices = new ArrayList<>();
    for (int i = 0; i < count[0]; i++) {
      devices.add(describe(i, driver));
    }
    return devices;
  }

  /// The device `cuda:N`.
  ///
  /// @throws DeviceException where it is not here, or too old
  public static CudaDevice at(int ordinal) {
    List<CudaDevice> devices = all();
    if (ordinal < 0 || ordinal >= devices.size()) {
      throw new DeviceException(
          "cuda:%d: expected one of %d devices, cuda:0 to cuda:%d"
              .formatted(ordinal, devices.size(), devices.size() - 1));
    }
    CudaDevice device = devices.get(ordinal);
    if (device.computeCapability() < OLDEST_CAPABILITY) {
      throw new DeviceException(
          "cuda:%d: %s: expected compute capability 8.0 or newer, found %d.%d -> use --device cpu"
              .formatted(
                  ordinal,
                  device.name(),
                  device.computeCapability() / 10,
                  device.computeCapability() % 10));
    }
    return device;
  }

  private static CudaDevice describe(int ordinal, String driver) {
    CUdevice device = new CUdevice();
    Driver.check(JCudaDriver.cuDeviceGet(device, ordinal), "cuDeviceGet");
    byte[] name = new byte[256];
    Driver.check(JCudaDriver.cuDeviceGetName(name, name.length, device), "cuDeviceGetName");
    long[] bytes = new long[1];
    Driver.check(JCudaDriver.cuDeviceTotalMem(bytes, device), "cuDeviceTotalMem");
    int major = attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
    int minor = attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    return new CudaDevice(
        ordinal,
        text(name),
        10 * major + minor,
        bytes[0],
        attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
        attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE),
        attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
        driver);
  }

  private static int attribute(CUdevice device, int attribute) {
    int[] value = new int[1];
    Driver.check(
        JCudaDriver.cuDeviceGetAttribute(value, attribute, device), "cuDeviceGetAttribute");
    return value[0];
  }

  private static String text(byte[] name) {
    int end = 0;
    while (end < name.length && name[end] != 0) {
      end++;
    }
    return new String(name, 0, end, StandardCharsets.US_ASCII);
  }
}
