@NullMarked
package dev.regroup.runtime.decode;

import org.jspecify.annotations.NullMarked;
