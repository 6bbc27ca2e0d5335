// Who is calling: a function key kept for this tab, or a sign-in by App Service Authentication.

const NAME = "ledger365.functionKey";

/** The function key of this tab, or null. */
export function functionKey() {
  return sessionStorage.getItem(NAME);
}

/** Keeps a function key until the tab closes. */
export function keepFunctionKey(key) {
  sessionStorage.setItem(NAME, key);
}

/** Forgets the function key. */
export function forgetFunctionKey() {
  sessionStorage.removeItem(NAME);
}

/**
 * What App Service Authentication says: {available, name}; `name` is null if nobody signed in.
 * Source: https://learn.microsoft.com/azure/app-service/configure-authentication-oauth-tokens
 */
export async function platformSignIn() {
  try {
    const response = await fetch("/.auth/me", { redirect: "manual", cache: "no-store" });
    // without a token store, App Service signs in all the same and has nothing to say here
    if (response.status === 404) return { available: await leadsToSignIn(), name: null };
    if (!response.ok) return { available: true, name: null };
    const [principal] = await response.json();
    return { available: true, name: principal?.user_id ?? null };
  } catch {
    return { available: false, name: null };
  }
}

async function leadsToSignIn() {
  const login = await fetch("/.auth/login/aad", { redirect: "manual", cache: "no-store" });
  return login.type === "opaqueredirect";
}
