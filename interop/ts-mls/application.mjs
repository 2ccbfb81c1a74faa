// Application data in PrivateMessages, and who signed it.

import { createApplicationMessage, encodeMlsMessage } from "ts-mls";
import { unprotectPrivateMessage } from "ts-mls/messageProtection.js";

import { read } from "./reading.mjs";

/** The data sealed by this member, with the state that follows. */
export async function seal(state, data, suite) {
  const { newState, privateMessage } = await createApplicationMessage(state, data, suite);
  const message = encodeMlsMessage({
    version: "mls10",
    wireformat: "mls_private_message",
    privateMessage,
  });
  return { state: newState, message };
}

/** The data in a PrivateMessage and the leaf that signed it, with the state that follows. */
export async function open(state, bytes, suite) {
  const { privateMessage } = read("mls_private_message", bytes);
  // processPrivateMessage would not say whose it is.
  const { content, tree } = await unprotectPrivateMessage(
    state.keySchedule.senderDataSecret,
    privateMessage,
    state.secretTree,
    state.ratchetTree,
    state.groupContext,
    state.clientConfig.keyRetentionConfig,
    suite,
  );
  const { contentType, applicationData, sender } = content.content;
  if (contentType !== "application") {
    throw new Error(`a PrivateMessage of ${contentType}, not of application data`);
  }
  return { state: { ...state, secretTree: tree }, leaf: sender.leafIndex, data: applicationData };
}
