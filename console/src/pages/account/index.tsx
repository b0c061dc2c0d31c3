import { Page, SkeletonLines } from "@/ui";

export default function AccountPage() {
  return (
    <Page title="Account">
      <SkeletonLines />
    </Page>
  );
}
