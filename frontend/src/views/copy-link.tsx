import { linkParams } from "../data/store";
import { linkTo } from "../host/address";
import { CopyButton } from "./copy-button";
import { shownView } from "./views";

/** A link to exactly this. */
export function CopyLink() {
  return (
    <CopyButton
      words="Copy link"
      field="Link to this view; copy it from here"
      // With a view in it always: a link without any parameter shows what its reader had last.
      text={() => linkTo({ ...linkParams(), view: shownView.value.name })}
    />
  );
}
