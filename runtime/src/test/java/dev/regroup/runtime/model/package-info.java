@NullMarked
package dev.regroup.runtime.model;

import org.jspecify.annotations.NullMarked;
