@NullMarked
package dev.regroup.converters.fit;

import org.jspecify.annotations.NullMarked;
