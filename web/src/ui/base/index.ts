/** The pieces that every view is made of. */

export { Announcer } from "./announcer";
export { Avatar, photoUrl } from "./avatar";
export { Button, IconButton } from "./button";
export { copyText } from "./clipboard";
export { isComposing } from "./composing";
export { ConfirmLayer, confirmed, Dialog } from "./dialog";
export { keepFocus } from "./focus";
export { Field, TextArea } from "./field";
export { Icon, type IconName } from "./icons";
export { covered, useLayer } from "./layers";
export { closeMenu, MenuButton, MenuLayer, openMenu, type MenuItem } from "./menu";
export { hueOf, initialsOf } from "./names";
export { place, type Point } from "./place";
export { Spinner } from "./spinner";
export { ToastLayer } from "./toast";
export { TooltipLayer } from "./tooltip";
export { keepDoubleClicks } from "./twice";
export { written } from "./written";
