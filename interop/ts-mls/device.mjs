// One device whose MLS is ts-mls: the operations that are asked of a peer, on bytes of RFC 9420.
//
// Group states of ts-mls are values, so a commit of one's own waits beside the state that it would
// replace until the service has decided.

import {
  createCommit,
  createGroup,
  encodeMlsMessage,
  generateKeyPackageWithKey,
  getCiphersuiteFromName,
  getCiphersuiteImpl,
  joinGroup,
  joinGroupExternal,
  makePskIndex,
  mlsExporter,
  processPublicMessage,
} from "ts-mls";
import { makeKeyPackageRef } from "ts-mls/keyPackage.js";
import { encodeRatchetTree } from "ts-mls/ratchetTree.js";

import * as application from "./application.mjs";
import * as extensions from "./extensions.mjs";
import { identityOf, leavesOf, nameOfCredentialType, read, readTree, sameBytes } from "./reading.mjs";

const SUITE = "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519";

const HOUR = 3600n;
const LIFETIME = 28n * 24n * HOUR;

/** Rooms have no pre-shared keys. */
const NO_PSKS = makePskIndex(undefined, {});

export class Device {
  #suite;
  #capabilities;
  #credential;
  #signatureKeys;
  /** Key packages that no Welcome has used yet. */
  #keyPackages = [];
  #state;
  /** What `#state` becomes when the service accepts the own commit. */
  #next;

  /**
   * A device with a new signature key; `identity` is `user@domain/device`. Its leaves list these
   * numbers of extension and credential types.
   */
  static async open(identity, extensionTypes, usableCredentials) {
    const device = new Device();
    device.#capabilities = {
      versions: ["mls10"],
      ciphersuites: [SUITE],
      extensions: extensionTypes,
      proposals: [],
      credentials: usableCredentials.map(nameOfCredentialType),
    };
    device.#suite = await getCiphersuiteImpl(getCiphersuiteFromName(SUITE));
    device.#credential = {
      credentialType: "basic",
      identity: new TextEncoder().encode(identity),
    };
    device.#signatureKeys = await device.#suite.signature.keygen();
    return device;
  }

  get signatureKey() {
    return this.#signatureKeys.publicKey;
  }

  async keyPackage() {
    const made = await this.#generateKeyPackage();
    this.#keyPackages.push(made);
    return encodeMlsMessage({
      version: "mls10",
      wireformat: "mls_key_package",
      keyPackage: made.publicPackage,
    });
  }

  /** Creates a group of one. */
  async create(groupId, contextExtensions) {
    const { publicPackage, privatePackage } = await this.#generateKeyPackage();
    const named = contextExtensions.map(extensions.named);
    const created = await createGroup(
      groupId,
      publicPackage,
      privatePackage,
      extensions.veiled(named),
      this.#suite,
    );
    this.#enter(extensions.unveil(created));
    const tree = encodeRatchetTree(this.#state.ratchetTree);
    return { group_info: await this.#groupInfo(this.#state), tree };
  }

  async join(welcome, tree) {
    const { welcome: invitation } = read("mls_welcome", welcome);
    const { made, rest } = await this.#invitedBy(invitation);
    const { publicPackage, privatePackage } = made;
    const joined = await joinGroup(
      invitation,
      publicPackage,
      privatePackage,
      NO_PSKS,
      this.#suite,
      readTree(tree),
    );
    this.#keyPackages = rest;
    this.#enter(joined);
  }

  /** Takes the leaf back that holds this device's signature key. */
  async externalCommit(groupInfo, tree) {
    this.#state = undefined;
    this.#next = undefined;
    const info = read("mls_group_info", groupInfo).groupInfo;
    const nodes = readTree(tree);
    // ts-mls would remove a leaf all the same.
    if (!leavesOf(nodes).some(({ leaf }) => sameBytes(leaf.signaturePublicKey, this.signatureKey))) {
      throw new Error("no leaf of the group holds this device's signature key");
    }
    const { publicPackage, privatePackage } = await this.#generateKeyPackage();
    const { publicMessage, newState } = await joinGroupExternal(
      info,
      publicPackage,
      privatePackage,
      true,
      extensions.readingExternalPub(this.#suite),
      nodes,
    );
    return this.#offer(newState, {
      version: "mls10",
      wireformat: "mls_public_message",
      publicMessage,
    });
  }

  /** Follows a message of somebody else; says whether it was a proposal, a commit or the end. */
  async receive(bytes) {
    const state = this.#current();
    const message = read("mls_public_message", bytes).publicMessage;
    const { content } = message;
    // For proposals ts-mls checks neither.
    if (!sameBytes(content.groupId, state.groupContext.groupId)) {
      throw new Error("the message is of another group");
    }
    if (content.epoch !== state.groupContext.epoch) {
      throw new Error(`the message is of epoch ${content.epoch}, not ${state.groupContext.epoch}`);
    }
    switch (content.contentType) {
      case "proposal":
        this.#state = await this.#proposed(state, message);
        return "proposal";
      case "commit":
        return this.#follow(state, message);
      default:
        throw new Error(`a PublicMessage may not hold ${content.contentType} data`);
    }
  }

  /** Forgets all proposals that were received. */
  forgetProposals() {
    this.#state = { ...this.#current(), unappliedProposals: {} };
  }

  /** Commits all proposals that were received. */
  async commit() {
    const context = { state: this.#current(), cipherSuite: this.#suite };
    const { newState, welcome, commit } = await createCommit(context, {
      wireAsPublicMessage: true,
    });
    return this.#offer(newState, commit, welcome);
  }

  acceptCommit() {
    if (this.#next === undefined) {
      throw new Error("no commit waits for the service");
    }
    this.#enter(this.#next);
  }

  discardCommit() {
    this.#next = undefined;
  }

  /** Application data of this device in a PrivateMessage. */
  async encrypt(data) {
    const { state, message } = await application.seal(this.#current(), data, this.#suite);
    this.#state = state;
    return message;
  }

  /** The application data of somebody else's PrivateMessage, and the leaf that signed it. */
  async decrypt(bytes) {
    const { state, leaf, data } = await application.open(this.#current(), bytes, this.#suite);
    this.#state = state;
    return { leaf, data };
  }

  view() {
    const state = this.#current();
    return {
      epoch: Number(state.groupContext.epoch),
      own_leaf: state.privatePath.leafIndex,
      members: leavesOf(state.ratchetTree).map(({ index, leaf }) => ({
        leaf: index,
        identity: identityOf(leaf.credential),
        signature_key: leaf.signaturePublicKey,
      })),
    };
  }

  async export(label, context, length) {
    const secret = this.#current().keySchedule.exporterSecret;
    return mlsExporter(secret, label, context, length, this.#suite);
  }

  epochAuthenticator() {
    return this.#current().keySchedule.epochAuthenticator;
  }

  #current() {
    if (this.#state === undefined) {
      throw new Error("this device is in no group");
    }
    return this.#state;
  }

  #enter(state) {
    this.#state = state;
    this.#next = undefined;
  }

  async #proposed(state, message) {
    if (message.senderType !== "external") {
      return (await processPublicMessage(state, message, NO_PSKS, this.#suite)).newState;
    }
    const reading = extensions.withSendersApart(state);
    const { newState } = await processPublicMessage(reading, message, NO_PSKS, this.#suite);
    return { ...newState, groupContext: state.groupContext };
  }

  async #follow(state, message) {
    const own = state.privatePath.leafIndex;
    let removed = false;
    // ts-mls knows its own removal by an empty leaf, but the same commit may have filled it again.
    const look = ({ proposals }) => {
      removed = proposals.some(
        ({ proposal }) =>
          proposal.proposalType === "remove" && proposal.remove.removed === own,
      );
      return removed ? "reject" : "accept";
    };
    extensions.veilProposed(message);
    const { newState } = await processPublicMessage(state, message, NO_PSKS, this.#suite, look);
    this.#enter(removed ? undefined : extensions.unveil(newState));
    return removed ? "removed" : "commit";
  }

  /** Keeps what the commit leads to, and makes all that the service wants with it. */
  async #offer(next, commit, welcome) {
    const groupInfo = await this.#groupInfo(next);
    this.#next = next;
    const invitation = welcome && { version: "mls10", wireformat: "mls_welcome", welcome };
    return {
      commit: encodeMlsMessage(commit),
      welcome: invitation ? encodeMlsMessage(invitation) : null,
      group_info: groupInfo,
    };
  }

  async #groupInfo(state) {
    const groupInfo = await extensions.groupInfo(state, this.#suite);
    return encodeMlsMessage({ version: "mls10", wireformat: "mls_group_info", groupInfo });
  }

  async #generateKeyPackage() {
    const now = BigInt(Math.floor(Date.now() / 1000));
    return generateKeyPackageWithKey(
      this.#credential,
      this.#capabilities,
      { notBefore: now - HOUR, notAfter: now + LIFETIME },
      [],
      this.#signatureKeys,
      this.#suite,
    );
  }

  async #invitedBy(welcome) {
    for (const made of this.#keyPackages) {
      const reference = await makeKeyPackageRef(made.publicPackage, this.#suite.hash);
      if (welcome.secrets.some(({ newMember }) => sameBytes(newMember, reference))) {
        return { made, rest: this.#keyPackages.filter((other) => other !== made) };
      }
    }
    throw new Error("the Welcome is for no key package of this device");
  }
}
