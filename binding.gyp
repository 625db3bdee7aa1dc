# The second way to build the addon, `npx node-gyp rebuild`. Sources and flags stand in native/sources.json,
# which CMakeLists.txt reads too. gyp has no flags per file, hence one static library per instruction set.
{
  'target_defaults': {
    'defines': ['<!@(node native/gyp-list.mjs defines)'],
    'cflags_cc!': ['-std=gnu++17', '-std=gnu++20', '-fno-exceptions', '-fno-rtti'],
    'cflags_cc': ['-std=c++20', '<!@(node native/gyp-list.mjs flags gnu)'],
    'xcode_settings': {
      'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
      'GCC_ENABLE_CPP_EXCEPTIONS': 'YES',
      'OTHER_CPLUSPLUSFLAGS': ['<!@(node native/gyp-list.mjs flags gnu)'],
    },
    'msvs_settings': {
      'VCCLCompilerTool': {
        'AdditionalOptions': ['/std:c++20', '<!@(node native/gyp-list.mjs flags msvc)'],
        'ExceptionHandling': 1,
      },
    },
  },
  'targets': [
    {
      'target_name': 'embedlane',
      'dependencies': ['embedlane_scalar'],
      'sources': [
        '<!@(node native/gyp-list.mjs groups core sources)',
        '<!@(node native/gyp-list.mjs groups addon sources)',
      ],
      'include_dirs': ['<!(node -p "require(\'node-addon-api\').include_dir")'],
      'conditions': [
        ['target_arch=="x64"', {'dependencies': ['embedlane_avx2', 'embedlane_avx512', 'embedlane_avx512_vnni']}],
        ['target_arch=="arm64"', {'dependencies': ['embedlane_neon', 'embedlane_neon_dotprod']}],
        ['OS=="linux"', {
          'libraries': ['-ldl', '-pthread'],
          'ldflags': ['-static-libstdc++', '-static-libgcc', '-Wl,--exclude-libs,ALL', '-Wl,-z,now', '-s',
                      '-Wl,--version-script=<(module_root_dir)/native/exports.map'],
        }],
      ],
    },
    {
      'target_name': 'embedlane_scalar',
      'type': 'static_library',
      'sources': ['<!@(node native/gyp-list.mjs groups scalar sources)'],
    },
  ],
  'conditions': [
    ['target_arch=="x64"', {
      'targets': [
        {
          'target_name': 'embedlane_avx2',
          'type': 'static_library',
          'sources': ['<!@(node native/gyp-list.mjs groups avx2 sources)'],
          'cflags_cc': ['<!@(node native/gyp-list.mjs groups avx2 gnu)'],
          'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['<!@(node native/gyp-list.mjs groups avx2 gnu)']},
          'msvs_settings': {
            'VCCLCompilerTool': {'AdditionalOptions': ['<!@(node native/gyp-list.mjs groups avx2 msvc)']},
          },
        },
        {
          'target_name': 'embedlane_avx512',
          'type': 'static_library',
          'sources': ['<!@(node native/gyp-list.mjs groups avx512 sources)'],
          'cflags_cc': ['<!@(node native/gyp-list.mjs groups avx512 gnu)'],
          'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['<!@(node native/gyp-list.mjs groups avx512 gnu)']},
          'msvs_settings': {
            'VCCLCompilerTool': {'AdditionalOptions': ['<!@(node native/gyp-list.mjs groups avx512 msvc)']},
          },
        },
        {
          'target_name': 'embedlane_avx512_vnni',
          'type': 'static_library',
          'sources': ['<!@(node native/gyp-list.mjs groups avx512_vnni sources)'],
          'cflags_cc': ['<!@(node native/gyp-list.mjs groups avx512_vnni gnu)'],
          'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['<!@(node native/gyp-list.mjs groups avx512_vnni gnu)']},
          'msvs_settings': {
            'VCCLCompilerTool': {'AdditionalOptions': ['<!@(node native/gyp-list.mjs groups avx512_vnni msvc)']},
          },
        },
      ],
    }],
    ['target_arch=="arm64"', {
      'targets': [
        {
          'target_name': 'embedlane_neon',
          'type': 'static_library',
          'sources': ['<!@(node native/gyp-list.mjs groups neon sources)'],
        },
        {
          'target_name': 'embedlane_neon_dotprod',
          'type': 'static_library',
          'sources': ['<!@(node native/gyp-list.mjs groups neon_dotprod sources)'],
          'cflags_cc': ['<!@(node native/gyp-list.mjs groups neon_dotprod gnu)'],
          'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['<!@(node native/gyp-list.mjs groups neon_dotprod gnu)']},
        },
      ],
    }],
  ],
}
