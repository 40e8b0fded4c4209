/** Puts beside each file of text what the server sends to browsers that take it smaller. */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync, zstdCompressSync } from "node:zlib";

const TEXT = /\.(?:css|html|js|json|svg|txt|webmanifest)$/;

const ENCODINGS: Record<string, (data: Buffer) => Buffer> = {
  br: (data) =>
    brotliCompressSync(data, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: 11,
        [constants.BROTLI_PARAM_SIZE_HINT]: data.length,
      },
    }),
  zst: (data) =>
    zstdCompressSync(data, { params: { [constants.ZSTD_c_compressionLevel]: 19 } }),
  gz: (data) => gzipSync(data, { level: 9 }),
};

export function compressFolder(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !TEXT.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const data = readFileSync(path);
    for (const [ending, encode] of Object.entries(ENCODINGS)) {
      const small = encode(data);
      if (small.length < data.length) writeFileSync(`${path}.${ending}`, small);
    }
  }
}
