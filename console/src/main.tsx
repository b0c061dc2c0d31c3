import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import "./styles.css";

import { queries } from "./api/queries";
import { App } from "./app";

// The dialogs' library adds a style element; the policy wants the nonce on it.
const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content;
if (nonce) (globalThis as Record<string, unknown>).__webpack_nonce__ = nonce;

// The link that the server prints leads to the front page; see pages/signin.
if (location.hash.startsWith("#link=") && !location.pathname.endsWith("/signin")) {
  history.replaceState(null, "", `/console/signin${location.hash}`);
}

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
