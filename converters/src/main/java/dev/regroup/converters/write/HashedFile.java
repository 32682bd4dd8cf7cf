package dev.regroup.converters.write;

import dev.regroup.formats.safetensors.SafetensorsWriter;
import java.security.MessageDigest;

/// An output file, and the hash of its bytes so far.
record HashedFile(SafetensorsWriter writer, MessageDigest digest) {}
