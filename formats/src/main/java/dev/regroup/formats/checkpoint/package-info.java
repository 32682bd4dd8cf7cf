/// A model directory opened for reading: config, shards, index, side files.
@NullMarked
package dev.regroup.formats.checkpoint;

import org.jspecify.annotations.NullMarked;
