package dev.regroup.converters.write;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;

/// The memory of this machine, or of the container that we run in.
final class PhysicalMemory {
  private PhysicalMemory() {}

  /// Bytes of it; the largest number where nobody knows.
  static long bytes() {
    return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
        ? system.getTotalMemorySize()
        : Long.MAX_VALUE;
  }
}
