@NullMarked
package dev.regroup.formats.quantization;

import org.jspecify.annotations.NullMarked;
