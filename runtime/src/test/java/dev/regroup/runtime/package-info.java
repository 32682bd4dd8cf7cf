@NullMarked
package dev.regroup.runtime;

import org.jspecify.annotations.NullMarked;
