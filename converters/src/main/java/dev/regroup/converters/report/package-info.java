/// What a conversion did.
@NullMarked
package dev.regroup.converters.report;

import org.jspecify.annotations.NullMarked;
