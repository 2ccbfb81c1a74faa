// ts-mls as a child process. One JSON object a line each way, bytes in base64:
// {"id":2,"op":"join","welcome":…,"tree":…} is answered by {"id":2,"ok":…} or
// {"id":2,"error":"words"}. The first operation is `open`.

// First, for what is imported below looks for it at once.
import "./webcrypto.mjs";

import { createInterface } from "node:readline";

import { Device } from "./device.mjs";

let device;

const operations = {
  open: async ({ identity, extensions, credentials }) => {
    device = await Device.open(identity, extensions, credentials);
    return device.signatureKey;
  },
  key_package: () => device.keyPackage(),
  create: ({ group_id, extensions }) =>
    device.create(
      bytes(group_id),
      extensions.map(({ kind, data }) => ({ kind, data: bytes(data) })),
    ),
  join: ({ welcome, tree }) => device.join(bytes(welcome), bytes(tree)),
  external_commit: ({ group_info, tree }) => device.externalCommit(bytes(group_info), bytes(tree)),
  receive: ({ message }) => device.receive(bytes(message)),
  forget_proposals: () => device.forgetProposals(),
  commit: () => device.commit(),
  accept_commit: () => device.acceptCommit(),
  discard_commit: () => device.discardCommit(),
  encrypt: ({ data }) => device.encrypt(bytes(data)),
  decrypt: ({ message }) => device.decrypt(bytes(message)),
  view: () => device.view(),
  export: ({ label, context, length }) => device.export(label, bytes(context), length),
  epoch_authenticator: () => device.epochAuthenticator(),
};

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${await answer(JSON.parse(line))}\n`);
}

async function answer({ id, op, ...given }) {
  try {
    if (!Object.hasOwn(operations, op)) {
      throw new Error(`there is no operation ${op}`);
    }
    const ok = (await operations[op](given)) ?? null;
    return JSON.stringify({ id, ok }, base64);
  } catch (error) {
    return JSON.stringify({ id, error: `${error.name}: ${error.message}` });
  }
}

function bytes(text) {
  return Uint8Array.from(Buffer.from(text, "base64"));
}

function base64(_key, value) {
  return value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;
}
