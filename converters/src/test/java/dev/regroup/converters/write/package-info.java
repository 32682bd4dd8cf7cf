@NullMarked
package dev.regroup.converters.write;

import org.jspecify.annotations.NullMarked;
