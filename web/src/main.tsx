// First: templates are made under its policy.
import "./trusted";
import { render } from "solid-js/web";
import { connect } from "./bridge/client";
import { provideBridge } from "./state/bridge";
import { openPath } from "./state/route";
import { tellOutdated } from "./state/session";
import { applySettings } from "./state/settings";
import { keepClient } from "./sw/register";
import { App } from "./ui/app/app";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/shell.css";

provideBridge(connect());
keepClient(tellOutdated, openPath);
const root = document.getElementById("app");
if (root === null) throw new Error("the page has no #app");
// Words first: a page in the wrong language for a moment looks broken.
void applySettings().then(() => render(() => <App />, root));
