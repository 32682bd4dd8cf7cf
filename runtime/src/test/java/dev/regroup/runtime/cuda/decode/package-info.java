@NullMarked
package dev.regroup.runtime.cuda.decode;

import org.jspecify.annotations.NullMarked;
