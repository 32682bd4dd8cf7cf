/// Holds choosing a device to its words.
@NullMarked
package dev.regroup.runtime.device;

import org.jspecify.annotations.NullMarked;
