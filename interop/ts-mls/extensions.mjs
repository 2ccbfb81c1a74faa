// Two extensions that ts-mls 1.6 writes and reads in another way than RFC 9420 has them, and the way
// around that.
//
// external_senders (§12.1.8.1) is one extension with a list of senders. ts-mls takes each such
// extension for a single sender, and refuses the list as malformed. It leaves alone what it knows by
// number only, and writes the same bytes for either; so its own name is taken from the extension
// wherever it would look inside.
//
// external_pub (§12.4.3.2) is a key with its length before it. ts-mls has the key alone.

import {
  createGroupInfoWithExternalPub,
  decodeExternalSender,
  defaultExtensionTypes,
  encodeExternalSender,
} from "ts-mls";
import { encode } from "ts-mls/codec/tlsEncoder.js";
import { decodeVarLenData, decodeVarLenType, varLenDataEncoder } from "ts-mls/codec/variableLength.js";
import { signGroupInfo } from "ts-mls/groupInfo.js";

const NAME = "external_senders";
const NUMBER = defaultExtensionTypes[NAME];

/** An extension as ts-mls has it, from its number and bytes. */
export function named({ kind, data }) {
  const known = Object.entries(defaultExtensionTypes).find(([, number]) => number === kind);
  return { extensionType: known ? known[0] : kind, extensionData: data };
}

/** The same extensions, the senders by number. */
export function veiled(extensions) {
  return extensions.map((e) => (e.extensionType === NAME ? { ...e, extensionType: NUMBER } : e));
}

/** A state in which the senders have their name again. */
export function unveil(state) {
  const extensions = state.groupContext.extensions.map((e) =>
    e.extensionType === NUMBER ? { ...e, extensionType: NAME } : e,
  );
  return { ...state, groupContext: { ...state.groupContext, extensions } };
}

/** Veils the senders in extensions that a commit itself proposes. */
export function veilProposed(message) {
  for (const { proposal } of message.content.commit.proposals) {
    if (proposal?.proposalType === "group_context_extensions") {
      const changed = proposal.groupContextExtensions;
      changed.extensions = veiled(changed.extensions);
    }
  }
}

/** The state with one extension for each sender, to check an external sender's signature by. */
export function withSendersApart(state) {
  const extensions = state.groupContext.extensions.flatMap((e) =>
    e.extensionType === NAME ? sendersIn(e.extensionData).map(alone) : [e],
  );
  return { ...state, groupContext: { ...state.groupContext, extensions } };
}

function alone(sender) {
  return { extensionType: NAME, extensionData: encodeExternalSender(sender) };
}

function sendersIn(data) {
  const [senders, length] = decodeVarLenType(decodeExternalSender)(data, 0) ?? [];
  if (length !== data.length) {
    throw new Error("not a list of external senders");
  }
  return senders;
}

/** A GroupInfo with the external_pub extension as others read it. */
export async function groupInfo(state, suite) {
  const { signature: _, ...made } = await createGroupInfoWithExternalPub(state, [], suite);
  const extensions = made.extensions.map((e) =>
    e.extensionType === "external_pub"
      ? { ...e, extensionData: encode(varLenDataEncoder)(e.extensionData) }
      : e,
  );
  return signGroupInfo({ ...made, extensions }, state.signaturePrivateKey, suite.signature);
}

/** A suite that takes an external_pub extension as others write it for a key, too. */
export function readingExternalPub(suite) {
  const importPublicKey = (bytes) => suite.hpke.importPublicKey(keyIn(bytes));
  return { ...suite, hpke: { ...suite.hpke, importPublicKey } };
}

/** A key of X25519 has 32 bytes; with its length before it, 33. */
function keyIn(bytes) {
  return bytes.length === 33 ? decodeVarLenData(bytes, 0)[0] : bytes;
}
