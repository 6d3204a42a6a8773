/**
 * effect-tus: the rules of tus 1.0.0 as pure functions over Schemas, and the contracts of storage.
 *
 * @since 0.1.0
 */
export * as Append from "./protocol/Append.js"
export * as Body from "./protocol/Body.js"
export * as Checksum from "./protocol/Checksum.js"
export * as Command from "./protocol/Command.js"
export * as Concat from "./protocol/Concat.js"
export * as Create from "./protocol/Create.js"
export * as Extension from "./protocol/Extension.js"
export * as Head from "./protocol/Head.js"
export * as Header from "./protocol/Header.js"
export * as Metadata from "./protocol/Metadata.js"
export * as Next from "./protocol/Next.js"
export * as Options from "./protocol/Options.js"
export * as Patch from "./protocol/Patch.js"
export * as Policy from "./protocol/Policy.js"
export * as Refusal from "./protocol/Refusal.js"
export * as Reply from "./protocol/Reply.js"
export * as Terminate from "./protocol/Terminate.js"
export * as Upload from "./protocol/Upload.js"
export * as ByteStore from "./store/ByteStore.js"
export * as Digests from "./store/Digests.js"
export * as UploadLock from "./store/UploadLock.js"
export * as UploadRegistry from "./store/UploadRegistry.js"
export * as UploadStore from "./store/UploadStore.js"
export * as UploadStoreError from "./store/UploadStoreError.js"
