@NullMarked
package dev.regroup.runtime.linalg;

import org.jspecify.annotations.NullMarked;
