// The fields of a connection: tenant, application, and a secret or certificate.

import { ApiError } from "./api.js";
import { field } from "./controls.js";
import { h, replace } from "./dom.js";

const CLOUDS = ["AzurePublic", "AzureUSGovernment", "AzureUSGovernmentDoD", "AzureChina"];
const MAX_FILE_BYTES = 20_000;

const KINDS = {
  keep: ["Keep the stored one", () => ({ parts: [], read: async () => undefined })],
  clientSecret: ["Client secret", secretFields],
  pem: ["Certificate (PEM)", pemFields],
  pfx: ["Certificate file (PFX)", pfxFields],
  delegated: ["Delegated: an administrator signs in", delegatedFields],
};

/**
 * The form's element, and `read()`, which promises the body's fields. `connection` has what is
 * known already; with `mayKeep` the stored credential may stay. Secrets are never shown again.
 */
export function credentialForm({ connection = {}, mayKeep = false }) {
  const tenantId = h("input", { type: "text", name: "tenantId", value: connection.tenantId ?? "", spellcheck: "false", autocomplete: "off" });
  const clientId = h("input", { type: "text", name: "clientId", value: connection.clientId ?? "", spellcheck: "false", autocomplete: "off" });
  const cloud = h("input", { type: "text", name: "cloud", value: connection.cloud ?? CLOUDS[0], list: "clouds", autocomplete: "off" });
  const place = h("div", { class: "credential-fields" });
  const offered = Object.keys(KINDS).filter((kind) => kind !== "keep" || mayKeep);
  let current = null;
  const choose = (kind) => {
    current = KINDS[kind][1]();
    replace(place, current.parts);
  };
  const radios = offered.map((kind, at) =>
    h(
      "label",
      { class: "check" },
      h("input", { type: "radio", name: "credentialKind", value: kind, checked: at === 0, on: { change: () => choose(kind) } }),
      KINDS[kind][0],
    ),
  );
  choose(offered[0]);
  return {
    element: [
      field("Tenant ID", tenantId, { required: true, hint: "Entra admin center › Overview." }),
      field("Client ID", clientId, { required: true, hint: "Application (client) ID of the app registration." }),
      field("Cloud", cloud, { required: true }),
      h("datalist", { id: "clouds" }, CLOUDS.map((name) => h("option", { value: name }))),
      h("fieldset", { class: "credential" }, h("legend", {}, "Credential"), h("div", { class: "checks" }, radios), place),
    ],
    read: async () => ({
      tenantId: tenantId.value.trim(),
      clientId: clientId.value.trim(),
      cloud: cloud.value.trim(),
      credential: await current.read(),
    }),
  };
}

function delegatedFields() {
  const value = h("input", { type: "password", name: "credential.value", autocomplete: "off" });
  return {
    parts: [
      h("p", { class: "hint" }, "Once the portal is stored, Sign in leads an administrator of the tenant to Microsoft. No password is kept."),
      field("Client secret", value, { hint: "Empty for an app registration without one (public client)." }),
    ],
    read: async () => ({ kind: "delegated", value: value.value || null }),
  };
}

function secretFields() {
  const value = h("input", { type: "password", name: "credential.value", autocomplete: "off" });
  const secretId = h("input", { type: "text", name: "credential.secretId", autocomplete: "off", spellcheck: "false" });
  const expires = h("input", { type: "date", name: "credential.expiresAt" });
  return {
    parts: [
      field("Secret value", value, { required: true, hint: "It goes to Key Vault and is never shown again." }),
      field("Secret ID", secretId, { hint: "Optional; to recognize the secret in Entra." }),
      field("Valid until", expires, { hint: "Optional; you are warned before that day." }),
    ],
    read: async () => ({
      kind: "clientSecret",
      value: value.value,
      secretId: secretId.value.trim() || null,
      expiresAt: expires.value ? `${expires.value}T00:00:00Z` : null,
    }),
  };
}

function pemFields() {
  const certificate = pemField("Certificate", "credential.certificate", "-----BEGIN CERTIFICATE-----");
  const privateKey = pemField("Private key", "credential.privateKey", "-----BEGIN PRIVATE KEY-----");
  const passphrase = passphraseField();
  return {
    parts: [certificate.part, privateKey.part, passphrase.part],
    read: async () => ({
      kind: "certificate",
      certificate: certificate.text(),
      privateKey: privateKey.text(),
      passphrase: passphrase.text(),
    }),
  };
}

function pemField(label, name, placeholder) {
  const text = h("textarea", { name, rows: 5, placeholder, spellcheck: "false", autocomplete: "off", class: "code" });
  const file = h("input", {
    type: "file",
    accept: ".pem,.crt,.cer,.key",
    "aria-label": `${label} from a file`,
    on: {
      change: async () => {
        const [chosen] = file.files;
        if (chosen && chosen.size <= MAX_FILE_BYTES) text.value = await chosen.text();
      },
    },
  });
  const part = field(label, text, { required: true, hint: "Paste it, or choose the file." });
  part.append(file);
  return { part, text: () => text.value };
}

function pfxFields() {
  const file = h("input", { type: "file", name: "credential.pfx", accept: ".pfx,.p12" });
  const passphrase = passphraseField();
  return {
    parts: [field("PFX file", file, { required: true, hint: "With its private key, up to 15 KB." }), passphrase.part],
    read: async () => ({ kind: "certificate", pfx: await base64(file), passphrase: passphrase.text() }),
  };
}

async function base64(input) {
  const [chosen] = input.files;
  if (!chosen || chosen.size > MAX_FILE_BYTES) {
    throw new ApiError(400, {
      detail: chosen ? "The file is too large for a certificate." : "No file is chosen.",
      remedy: "Choose the PFX file of the certificate.",
      field: "credential.pfx",
    });
  }
  const bytes = new Uint8Array(await chosen.arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

function passphraseField() {
  const input = h("input", { type: "password", name: "credential.passphrase", autocomplete: "off" });
  return {
    part: field("Passphrase", input, { hint: "Only if the private key is encrypted." }),
    text: () => input.value || null,
  };
}
