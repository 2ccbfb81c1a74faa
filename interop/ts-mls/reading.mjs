// What ts-mls decodes, in the shape that a peer is asked for. Bytes left over are refused.

import { credentialTypes, decodeMlsMessage } from "ts-mls";
import { decodeRatchetTree } from "ts-mls/ratchetTree.js";

/** The MLSMessage in these bytes, which must be of that wire format. */
export function read(wireformat, bytes) {
  const [message, length] = decodeMlsMessage(bytes, 0) ?? [];
  if (message?.wireformat !== wireformat || length !== bytes.length) {
    throw new Error(`not an MLSMessage with ${wireformat}`);
  }
  return message;
}

export function readTree(bytes) {
  const [tree, length] = decodeRatchetTree(bytes, 0) ?? [];
  if (length !== bytes.length) {
    throw new Error("not a ratchet tree");
  }
  return tree;
}

/** The occupied leaves of a tree; nodes alternate between leaves and parents. */
export function leavesOf(tree) {
  return tree.flatMap((node, index) =>
    node?.nodeType === "leaf" ? [{ index: index / 2, leaf: node.leaf }] : [],
  );
}

/** ts-mls has names for two types; the others go by their number, as text. */
export function nameOfCredentialType(type) {
  const known = Object.entries(credentialTypes).find(([, number]) => number === type);
  return known ? known[0] : String(type);
}

export function identityOf(credential) {
  if (credential.credentialType !== "basic") {
    throw new Error(`a credential of type ${credential.credentialType} has no identity`);
  }
  return new TextDecoder("utf-8", { fatal: true }).decode(credential.identity);
}

export function sameBytes(one, other) {
  return Buffer.compare(one, other) === 0;
}
