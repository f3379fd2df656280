/* Every reason code that a diagnostic can carry: code, what it means, what to do. Codes are stable: people filter and
 * suppress by them. docs/diagnostics.md is printed from this table. */
#ifndef RENDER_CODES_H
#define RENDER_CODES_H

#include <stddef.h>

#define DIAG_CODES_FILES(X)                                                                                            \
	X(Unreadable, "A file or folder cannot be read.", "Look at its permissions, and whether a link leaves the tree.")       \
	X(FileTooBig, "A file is larger than what is read.", "Split it, or leave it out of the path.")                          \
	X(TooManyFiles, "There are more files than are read.", "Point to the folder with the declarations.")                    \
	X(LinkedDirectory, "A link to a folder is not followed.", "Name the folder itself.")                                    \
	X(LinkUnreadable, "A link leads nowhere, or out of the tree.", "Put a copy there.")                                     \
	X(LfsPointer, "A file is a Git LFS pointer.", "Keep declarations in Git itself.")                                       \
	X(FileNotFound, "A file that a patch, manifest or health check names is not there.",                                    \
	  "The hint lists where it was looked for.")                                                                            \
	X(FileOutside, "A named file is not inside the repository.", "Use a relative path to a file of the repository.")        \
	X(FileUnreadable, "A named file is there but cannot be read.", "Look at its size and permissions.")                     \
	X(AmbiguousFile, "A path fits two files: beside the template, and at the root.", "Rename one of them.")                 \
	X(InvalidPath, "A path is none of a file: empty, or ending in a slash.", "Write the path of a file.")

#define DIAG_CODES_YAML(X)                                                                                             \
	X(YamlSyntax, "The text is no YAML or JSON.", "The position is where reading stopped.")                                 \
	X(DuplicateKey, "A mapping has the same key twice.", "Remove one of them.")                                             \
	X(UnknownAlias, "An alias names nothing above it, or its own inside.", "Name an anchor above.")                         \
	X(BadMerge, "A merge key merges something other than mappings.", "Merge a mapping or a list of mappings.")              \
	X(MergeOrder, "A key in front of a merge key is replaced by Kubernetes clients.", "Put the merge key first.")           \
	X(ComplexKey, "A mapping or list stands as a key.", "Quote it if text is meant.")                                       \
	X(NullKey, "A key is null.", "Write the key.")                                                                          \
	X(NotFinite, "A number such as .inf has no form in JSON.", "Quote it if text is meant.")                                \
	X(UnknownTag, "A YAML tag is not known and ignored.", "Remove it.")                                                     \
	X(WrongTag, "A YAML tag does not fit its value.", "Remove it, or correct the value.")                                   \
	X(TooBig, "A document holds too much, counting what aliases stand for.", "Split it.")                                   \
	X(TooDeep, "Mappings and lists are nested too deep.", "Flatten the document.")                                          \
	X(TooManyNodes, "A document has too many values, counting aliases.", "Split it.")                                       \
	X(TooManyDocuments, "A file has too many documents.", "Split it.")                                                      \
	X(TooManyFaults, "There are more faults than are listed.", "Correct those shown and run again.")

#define DIAG_CODES_FIELDS(X)                                                                                           \
	X(UnknownField, "A field does not exist, so it would silently not apply.", "Look at the spelling and the place.")       \
	X(MissingField, "A required field is missing.", "Add it.")                                                              \
	X(WrongType, "A value has the wrong type.", "Quote text, unquote numbers and booleans, look at the indentation.")       \
	X(InvalidChoice, "A value is not one of the possible ones.", "Use one of those in the hint.")                           \
	X(InvalidValue, "A value is not of the form that is needed.", "The message says which.")                                \
	X(InvalidFormat, "A text is not of the form that is needed.", "The message names the form.")                            \
	X(InvalidLength, "A text or list is too short or too long.", "The message says the limit.")                             \
	X(OutOfRange, "A number is too small or too big.", "The message says the limits.")                                      \
	X(InvalidDuration, "A text is no duration.", "Write a number and a unit: 30s, 1h30m.")                                  \
	X(InvalidName, "A name has characters that are not allowed.", "The message says which are.")                            \
	X(InvalidVersion, "A text is no version.", "Write three numbers: v1.36.1.")                                             \
	X(BlankValue, "A text is empty or blank.", "Fill it in, or remove the field.")                                          \
	X(SurroundingSpace, "A text begins or ends with a blank.", "Remove the blanks.")                                        \
	X(DuplicateItem, "A list has the same item twice.", "Remove one.")

#define DIAG_CODES_OBJECTS(X)                                                                                          \
	X(UnknownKind, "There is no such kind.", "Look at the spelling.")                                                       \
	X(UnknownVersion, "The apiVersion is not known.", "Use the one in the hint.")                                           \
	X(MissingApiVersion, "A custom resource has no apiVersion.", "Add the one in the hint.")                                \
	X(DuplicateObject, "The same object is declared twice.", "Remove or rename one.")                                       \
	X(UnknownReference, "An object names another that is not declared.", "Correct the name, or add the object.")            \
	X(DuplicateCluster, "Two declarations have the same cluster name in one Omni.", "Rename or remove one.")                \
	X(DuplicateWorkers, "Two sets of workers of a cluster have the same name.", "Rename one.")                              \
	X(DuplicateMachine, "A machine is used or described twice.", "A machine belongs to one set of one cluster.")            \
	X(DuplicateName, "Two manifests or health checks have the same name.", "Rename one.")                                   \
	X(DuplicateResource, "Two places want the same resource in Omni.", "Give them different names.")                        \
	X(UnusedMachine, "A machine is described but in no set.", "List it, or remove the description.")                        \
	X(MissingCluster, "A template file has no Cluster document.", "Every file is a complete template.")                     \
	X(TwoClusters, "A template file has two Cluster documents.", "One file for each cluster.")                              \
	X(MissingControlPlane, "A cluster has no control plane.", "Add one.")                                                   \
	X(TwoControlPlanes, "A cluster has two control planes.", "Keep one.")                                                   \
	X(DeletePolicyConflict, "deletePolicy says two things that exclude each other.", "Choose one.")                         \
	X(ClusterAdminNotAllowed, "An export for system:masters needs a confirmation.", "Set allowClusterAdmin.")               \
	X(ClusterAdmin, "An export hands out a kubeconfig that may do everything.", "Use a group with fewer rights.")           \
	X(InsecureConnection, "The certificate of Omni is not verified.", "Give a CA instead.")                                 \
	X(WorkloadAccess, "An object writes into the workload cluster.", "Nothing: it is good to know.")

#define DIAG_CODES_TEMPLATES(X)                                                                                        \
	X(ReservedName, "A name belongs to Omni.", "Choose another.")                                                           \
	X(ReservedPrefix, "A label or annotation uses Omni's own prefix.", "Choose a name without it.")                         \
	X(NotAllowed, "A field does not belong to this kind of document.", "Remove it, or move it as the hint says.")           \
	X(UnsupportedFeature, "A feature needs a newer Talos.", "Update Talos, or turn it off.")                                \
	X(MachinesOrClass, "A set has machines and a machine class, or neither.", "Keep one.")                                  \
	X(InvalidClassSize, "The size of a machine class is no number of machines.", "Write a number, or unlimited.")           \
	X(InvalidMachineId, "A text is no machine ID.", "A machine ID is a UUID.")                                              \
	X(MachineIdForm, "A machine ID is not written as Omni writes it.", "36 characters, lower case.")                        \
	X(LockedControlPlane, "A machine of the control plane is locked.", "Remove locked.")                                    \
	X(KernelArgsWithClass, "Kernel arguments do not go with machine classes.", "Set them in the class.")                    \
	X(KernelArgsNeedMachines, "Kernel arguments of a cluster need sets that list machines.", "See KernelArgsWithClass.")    \
	X(PatchSource, "A patch needs exactly one of file and inline.", "Keep one.")                                            \
	X(ManifestSource, "A manifest needs exactly one of file and inline.", "Keep one.")                                      \
	X(HealthCheckSource, "A health check needs exactly one of file and job.", "Keep one.")                                  \
	X(InvalidContent, "Inline content is neither text nor a mapping nor a list of mappings.", "Put the document there.")    \
	X(MachineClassSelection, "A machine class needs exactly one of matchLabels and autoProvision.", "Keep one.")            \
	X(InvalidSelector, "A text is no label selector.", "The message says what is wrong.")                                   \
	X(ProviderName, "The name of a provider has capital letters.", "Use the name it is registered with.")                   \
	X(ResourceType, "Resources of this type are not declared in files.", "Use a template or a custom resource.")            \
	X(UnknownType, "There is no such type of resource in Omni.", "Look at the spelling.")                                   \
	X(Compressed, "Compressed content cannot be read.", "Write the plain text into data.")

#define DIAG_CODES_PATCHES(X)                                                                                          \
	X(EmptyPatch, "A patch holds no configuration.", "Write what it shall change.")                                         \
	X(InvalidPatchFile, "A patch file has faults that are listed with the file.", "Correct the file.")                      \
	X(InvalidPatchDelete, "A $patch: delete cannot be carried out.", "The hint says why.")                                  \
	X(PatchNotMapping, "A document of a patch is no mapping.", "Write the part of the configuration that changes.")         \
	X(PatchIsJsonPatch, "The patch is a JSON patch, which is not taken.", "Write the part that changes.")                   \
	X(PatchMissingKind, "A document of a patch does not say what it is.", "Begin with machine:, cluster: or a kind.")       \
	X(PatchMissingApiVersion, "A document of a patch has no apiVersion.", "Add it.")                                        \
	X(PatchKindNotInTalos, "The Talos of the cluster has no such documents.", "Update Talos.")                              \
	X(PatchKindNotInOmni, "The selected Omni does not know such documents.", "Update Omni.")                                \
	X(PatchListNotInOmni, "The selected Omni takes no list here.", "Write one text, or update Omni.")                       \
	X(PatchMergeKey, "The text of a patch has a merge key, which Talos refuses.", "Write the fields out.")                    \
	X(UnknownPatchKind, "Talos has no such documents.", "Look at the spelling.")                                            \
	X(UnknownPatchVersion, "Talos has no such version of the document.", "Use the one in the hint.")                        \
	X(UnknownPatchField, "Talos has no such field at this place.", "Look at the spelling and the indentation.")             \
	X(WrongPatchType, "A field of Talos has another type.", "The message says which.")                                      \
	X(BadPatchValue, "A field of Talos has another form.", "The message says which.")                                       \
	X(ForbiddenPatchContent, "Omni sets this itself.", "Remove it from the patch.")                                         \
	X(DuplicatePatchDocument, "A patch has the same document twice.", "Merge them.")                                        \
	X(ConflictingPatchDocuments, "Two documents of a patch configure the same thing.", "Keep one.")                         \
	X(FluxVariable, "Flux's variable substitution (postBuild) would change a text, or fail at it.",                         \
	  "Write $${NAME} if it is not meant for Flux.")

#define DIAG_CODES_REFUSALS(X) \
	X(VersionNotOffered, "Omni offers no such Talos or Kubernetes: `invalid talos version`.", \
	  "Choose one that it lists: `omnictl get talosversions`.") \
	X(VersionDeprecated, "Omni offers this Talos no longer for new clusters.", "Choose a newer version.") \
	X(IncompatibleVersions, "This Kubernetes does not go with this Talos: `is not compatible with talos version`.", "Change one of the two.") \
	X(TalosDowngrade, "Talos of a cluster would fall below the minor version it began with.", "Go back no further than that.") \
	X(KubernetesUpgradePath, "Kubernetes goes up one minor version at a time: `is not supported for upgrade`.", "Take the versions between.") \
	X(DiscoveryService, "The discovery settings do not go with this Omni or Talos.", "Set them as the message says.") \
	X(ImmutableField, "A setting cannot change for what exists: `updating disk encryption settings is not allowed`.", "Take the change back.") \
	X(ClusterLocked, "The cluster is locked in Omni.", "Unlock it there, or wait until somebody does.") \
	X(MachineLocked, "The machine is locked in Omni.", "Unlock it there before it is removed.") \
	X(TearingDown, "What this belongs to is being torn down.", "Wait until it is gone; it is made again then.") \
	X(ParentMissing, "What this belongs to does not exist in Omni.", "Apply again; somebody has destroyed it meanwhile.") \
	X(MachineClassNotFound, "A set names a machine class that Omni does not have.", "Declare it, or correct the name.") \
	X(UnlimitedProvision, "A class that has machines made cannot have them without limit.", "Write the number of machines.") \
	X(AllocationSwitch, "A set with machines changes between named machines and a machine class.", "Empty it first, or make another set.") \
	X(BootstrapRefused, "The backup that a control plane begins with cannot be used.", "The message says why.") \
	X(AlreadyBootstrapped, "A second control plane for a cluster that runs.", "Keep the control plane that it has.") \
	X(MachineVersion, "A machine runs a Talos that does not go with its cluster.", "Upgrade the cluster, or install the machine anew.") \
	X(ExtensionNotAvailable, "There is no such extension for the Talos of the cluster.", "Look at its spelling, or choose another Talos.") \
	X(InvalidManifest, "A manifest or the job of a health check cannot be read by Omni.", "The message says why.") \
	X(ProviderUnknown, "No infrastructure provider of this name is registered in Omni: `failed to get provider`.", "Use its name in Omni.") \
	X(ProviderStatic, "The provider only offers machines that exist and makes none.", "Choose them with matchLabels.") \
	X(ProviderData, "The provider does not take this value: `\".memory\": must be at least 2048`.", "Correct it as the message says.") \
	X(MachineClassInUse, "A class that is to go is still used by machine sets.", "Move them to another class first.") \
	X(MachineClassSwitch, "A class cannot change between matchLabels and autoProvision.", \
	  "Delete it in Omni and apply again, or take another name.") \
	X(RoleTooLow, "The role of the service account does not allow this: `insufficient role`.", "Give it the role in the hint.") \
	X(ReadOnlyType, "Omni lets nobody write resources of this type.", "Remove the document.") \
	X(NoAccess, "Omni lets this account see nothing of this type.", "Remove the document, or use another account.") \
	X(NotAuthenticated, "Omni does not accept the signature of the service account.", "Look at key, lifetime and clock.") \
	X(OwnedByController, "Omni manages this resource itself.", "Choose another name.") \
	X(EulaNotAccepted, "The license of Omni has not been accepted, so it refuses every call.", "Accept it at the address in the message.") \
	X(ChangedMeanwhile, "Somebody else changed it between plan and write.", "Nothing: the next pass plans anew.") \
	X(PendingFinalizers, "Omni is still cleaning up behind this resource.", "Nothing: it is tried again.") \
	X(TooBigForOmni, "A resource is larger than Omni can store (about 1.5 MB).", "Split it, or leave content out.") \
	X(ServerFault, "Omni failed inside while it handled the request.", "Report it to those who run Omni.") \
	X(Exists, "Something with this name exists already.", "Plan again, or choose another name.") \
	X(Gone, "Something that this needs is not there any more.", "Plan again.") \
	X(Refused, "Omni refuses this for a reason that is not known here.", "The message is all that Omni says.")

#define DIAG_CODES(X)                                                                                                  \
	DIAG_CODES_FILES(X)                                                                                            \
	DIAG_CODES_YAML(X)                                                                                             \
	DIAG_CODES_FIELDS(X) DIAG_CODES_OBJECTS(X) DIAG_CODES_TEMPLATES(X) DIAG_CODES_PATCHES(X) \
	DIAG_CODES_REFUSALS(X)

struct diag_code {
	const char *code, *group, *meaning, *advice;
};

const struct diag_code *diag_code_at(size_t index);	    /* NULL past the end; groups stand together */
const struct diag_code *diag_code_find(const char *code); /* NULL: unknown */

#endif
