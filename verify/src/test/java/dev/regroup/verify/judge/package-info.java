@NullMarked
package dev.regroup.verify.judge;

import org.jspecify.annotations.NullMarked;
