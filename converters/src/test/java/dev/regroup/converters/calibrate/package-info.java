@NullMarked
package dev.regroup.converters.calibrate;

import org.jspecify.annotations.NullMarked;
