// Package operator renders cluster templates as the Go operator does: what a Kubernetes client makes of the manifests
// (sigs.k8s.io/yaml), decoded into structs, encoded with go.yaml.in/yaml/v4, indentation 2, one Encode per document.
package operator

import "encoding/json"

// The custom resources, as far as a template needs them.

type object struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Spec json.RawMessage `json:"spec"`
}

type reference struct {
	Name string `json:"name"`
}

type patchSpec struct {
	File        string            `json:"file"`
	Name        string            `json:"name"`
	IDOverride  string            `json:"idOverride"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Inline      json.RawMessage   `json:"inline"`
}

type manifestSpec struct {
	Name   string            `json:"name"`
	Mode   string            `json:"mode"`
	Inline []json.RawMessage `json:"inline"`
	File   string            `json:"file"`
}

type common struct {
	ClusterRef       reference         `json:"clusterRef"`
	Labels           map[string]string `json:"labels"`
	Annotations      map[string]string `json:"annotations"`
	Patches          []patchSpec       `json:"patches"`
	SystemExtensions []string          `json:"systemExtensions"`
	KernelArgs       []string          `json:"kernelArgs"`
}

type clusterSpec struct {
	common

	ClusterName string `json:"clusterName"`
	Kubernetes  struct {
		Version   string         `json:"version"`
		Manifests []manifestSpec `json:"manifests"`
	} `json:"kubernetes"`
	Talos struct {
		Version string `json:"version"`
	} `json:"talos"`
	Features *features `json:"features"`
}

type setSpec struct {
	common

	WorkerSetName   string            `json:"workerSetName"`
	Machines        []string          `json:"machines"`
	MachineClass    *machineClassSpec `json:"machineClass"`
	BootstrapSpec   *bootstrap        `json:"bootstrapSpec"`
	UpdateStrategy  *strategy         `json:"updateStrategy"`
	UpgradeStrategy *strategy         `json:"upgradeStrategy"`
	DeleteStrategy  *strategy         `json:"deleteStrategy"`
}

type machineClassSpec struct {
	Name string          `json:"name"`
	Size json.RawMessage `json:"size"`
}

type machineSpec struct {
	common

	MachineID string   `json:"machineID"`
	Locked    bool     `json:"locked"`
	Install   *install `json:"install"`
}

// The documents of a template, in the operator's order of fields.

type features struct {
	EnableWorkloadProxy         bool    `json:"enableWorkloadProxy" yaml:"enableWorkloadProxy,omitempty"`
	UseEmbeddedDiscoveryService bool    `json:"useEmbeddedDiscoveryService" yaml:"useEmbeddedDiscoveryService,omitempty"`
	DiskEncryption              bool    `json:"diskEncryption" yaml:"diskEncryption,omitempty"`
	BackupConfiguration         *backup `json:"backupConfiguration" yaml:"backupConfiguration,omitempty"`
}

type backup struct {
	Interval string `json:"interval" yaml:"interval"`
}

type bootstrap struct {
	ClusterUUID string `json:"clusterUUID" yaml:"clusterUUID"`
	Snapshot    string `json:"snapshot" yaml:"snapshot"`
}

type strategy struct {
	Type    string   `json:"type" yaml:"type,omitempty"`
	Rolling *rolling `json:"rolling" yaml:"rolling,omitempty"`
}

type rolling struct {
	MaxParallelism *int32 `json:"maxParallelism" yaml:"maxParallelism,omitempty"`
}

type install struct {
	Disk string `json:"disk" yaml:"disk"`
}

type machineClass struct {
	Name string `yaml:"name"`
	Size any    `yaml:"size"`
}

type patch struct {
	File        string            `yaml:"file,omitempty"`
	Name        string            `yaml:"name,omitempty"`
	IDOverride  string            `yaml:"idOverride,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
	Inline      *value            `yaml:"inline,omitempty"`
}

type manifestInline struct {
	Name   string `yaml:"name"`
	Mode   string `yaml:"mode"`
	Inline []any  `yaml:"inline"`
}

type manifestFile struct {
	Name string `yaml:"name"`
	Mode string `yaml:"mode"`
	File string `yaml:"file"`
}

type kubernetes struct {
	Version   string `yaml:"version"`
	Manifests []any  `yaml:"manifests,omitempty"`
}

type talos struct {
	Version string `yaml:"version"`
}

type cluster struct {
	Kind             string            `yaml:"kind"`
	Name             string            `yaml:"name"`
	Labels           map[string]string `yaml:"labels,omitempty"`
	Annotations      map[string]string `yaml:"annotations,omitempty"`
	Kubernetes       kubernetes        `yaml:"kubernetes"`
	Talos            talos             `yaml:"talos"`
	Features         *features         `yaml:"features,omitempty"`
	Patches          []patch           `yaml:"patches,omitempty"`
	SystemExtensions []string          `yaml:"systemExtensions,omitempty"`
	KernelArgs       []string          `yaml:"kernelArgs,omitempty"`
}

type controlPlane struct {
	Kind             string            `yaml:"kind"`
	Labels           map[string]string `yaml:"labels,omitempty"`
	Annotations      map[string]string `yaml:"annotations,omitempty"`
	Machines         []string          `yaml:"machines,omitempty"`
	MachineClass     *machineClass     `yaml:"machineClass,omitempty"`
	BootstrapSpec    *bootstrap        `yaml:"bootstrapSpec,omitempty"`
	Patches          []patch           `yaml:"patches,omitempty"`
	SystemExtensions []string          `yaml:"systemExtensions,omitempty"`
	KernelArgs       []string          `yaml:"kernelArgs,omitempty"`
}

type workers struct {
	Kind             string            `yaml:"kind"`
	Name             string            `yaml:"name"`
	Labels           map[string]string `yaml:"labels,omitempty"`
	Annotations      map[string]string `yaml:"annotations,omitempty"`
	Machines         []string          `yaml:"machines,omitempty"`
	MachineClass     *machineClass     `yaml:"machineClass,omitempty"`
	UpdateStrategy   *strategy         `yaml:"updateStrategy,omitempty"`
	UpgradeStrategy  *strategy         `yaml:"upgradeStrategy,omitempty"`
	DeleteStrategy   *strategy         `yaml:"deleteStrategy,omitempty"`
	Patches          []patch           `yaml:"patches,omitempty"`
	SystemExtensions []string          `yaml:"systemExtensions,omitempty"`
	KernelArgs       []string          `yaml:"kernelArgs,omitempty"`
}

type machine struct {
	Kind             string            `yaml:"kind"`
	Name             string            `yaml:"name"`
	Labels           map[string]string `yaml:"labels,omitempty"`
	Annotations      map[string]string `yaml:"annotations,omitempty"`
	Locked           bool              `yaml:"locked,omitempty"`
	Install          *install          `yaml:"install,omitempty"`
	Patches          []patch           `yaml:"patches,omitempty"`
	SystemExtensions []string          `yaml:"systemExtensions,omitempty"`
	KernelArgs       []string          `yaml:"kernelArgs,omitempty"`
}

// value is free-form content; it is printed also when it is empty.
type value struct {
	content any
}

func (v *value) MarshalYAML() (any, error) {
	return v.content, nil
}
