@NullMarked
package dev.regroup.runtime.bench;

import org.jspecify.annotations.NullMarked;
