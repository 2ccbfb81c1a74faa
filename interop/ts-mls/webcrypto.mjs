// WebCrypto under the name that browsers have for it and ts-mls uses: Node 18 has it elsewhere.

import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto;
